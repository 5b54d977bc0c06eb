"""DQO for a trl.GRPOTrainer of one's own: `DiversityReward` under the name that scripts import."""

from sfr_train.policy.diversity import DiversityReward
from sfr_train.policy.log_det import leave_one_out_bonus

__all__ = ["DiversityReward", "leave_one_out_bonus"]
