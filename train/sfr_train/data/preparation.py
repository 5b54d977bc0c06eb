"""What a trainer learns from: tokens and labels of chats, cut or packed, prepared once a node."""

from typing import Any

from trl.data_utils import pack_dataset

from sfr_train.data.pieces import folder_of, key_of
from sfr_train.data.tokens import Tokenization, tokenized
from sfr_train.data.turns import one_at_a_time
from sfr_train.loop.row_lengths import report_cut


def prepared_chats(
    dataset: Any, how: Tokenization, *, arguments: Any, packing: bool, what: str
) -> Any:
    """Return tokens and labels of chats, after a report of what `max_length` does to them. Packed,
    or cut and shuffled, as `arguments` (SFTConfig) say, if `how.cut` or `packing`."""
    tokens, cut = tokenized(dataset, how, what=what, processes=arguments.dataset_num_proc)
    report_cut(cut, how.limit, what=what, quiet=arguments.process_index > 0)
    if packing:
        return packed(tokens, arguments, what=what)
    return shuffled(tokens, arguments)


def shuffled(dataset: Any, arguments: Any) -> Any:
    """Return the rows in random order if `shuffle_dataset` says so."""
    if not arguments.shuffle_dataset:
        return dataset
    key = key_of(dataset._fingerprint, "shuffled", arguments.seed)
    return dataset.shuffle(seed=arguments.seed, keep_in_memory=True, new_fingerprint=key)


def packed(dataset: Any, arguments: Any, *, what: str) -> Any:
    """Return rows of `max_length` tokens, packed and shuffled as TRL does."""
    dataset = shuffled(dataset, arguments)
    processes = arguments.dataset_num_proc  # decides which rows share a batch, and so a pack
    choices = (arguments.max_length, arguments.packing_strategy, processes)
    options: dict[str, Any] = {
        "num_proc": processes,
        "new_fingerprint": key_of(dataset._fingerprint, "packed", *choices),
    }
    folder = folder_of(dataset)
    if folder is None:
        rows = pack_dataset(dataset, arguments.max_length, arguments.packing_strategy, options)
        return shuffled(rows, arguments)
    place = folder / f"pack-{options['new_fingerprint']}"
    lock = place.with_suffix(".lock")
    with one_at_a_time(lock, what=f"pack {what} rows", scratch=place):
        options["cache_file_name"] = str(place / "rows.arrow")
        rows = pack_dataset(dataset, arguments.max_length, arguments.packing_strategy, options)
    return shuffled(rows, arguments)
