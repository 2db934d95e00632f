"""Fine-tunes chat models with TRL: the parts that `sft` and `dpo` share."""
