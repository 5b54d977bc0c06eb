"""The objectives for other trainers: TRL, transformers and axolotl."""
