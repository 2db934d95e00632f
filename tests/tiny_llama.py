"""A tiny Llama with random weights that answers any question with one of a few names.

Only the embeddings are set by hand: after whatever ends a prompt the names are likely, after a
name the end is. So an engine that serves it has something to answer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

# The names and how likely each is, in logits.
NAMES = {"parse_headers": 9.0, "read_headers": 8.5, "split_lines": 8.0}
BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
WORDS = [UNKNOWN, BEGIN, END, *NAMES]
# The words, then each byte.
VOCABULARY_SIZE = len(WORDS) + 256
HIDDEN, HEADS, INNER, POSITIONS = 32, 2, 64, 4096
_STRENGTH = 12.0
_TEMPLATE = (
    "{% for message in messages %}{{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}return{% endif %}"
)


def write_tiny_llama(folder: Path) -> None:
    """Write model and tokenizer in transformers' form."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import GenerationConfig, PreTrainedTokenizerFast

    model = tiny_llama()
    model.generation_config = GenerationConfig(
        do_sample=True, bos_token_id=1, eos_token_id=2, pad_token_id=2
    )
    model.save_pretrained(folder)
    pieces = [*WORDS, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token=UNKNOWN, bos_token=BEGIN, eos_token=END
    )
    fast.chat_template = _TEMPLATE
    fast.save_pretrained(folder)


def tiny_llama() -> Any:
    """The model itself, in float32."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=VOCABULARY_SIZE,
        hidden_size=HIDDEN,
        intermediate_size=INNER,
        num_hidden_layers=1,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=POSITIONS,
        rms_norm_eps=1e-5,
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=False,
    )
    model = LlamaForCausalLM(config).float().eval()
    with torch.no_grad():
        embeddings, head = model.model.embed_tokens.weight, model.lm_head.weight
        embeddings.zero_()
        head.normal_(std=0.01)
        embeddings[:, 0] = _STRENGTH
        # The norm before the head brings a lone direction to the root of its width.
        scale = HIDDEN**0.5
        for word, logit in NAMES.items():
            number = WORDS.index(word)
            embeddings[number, 0], embeddings[number, 1] = 0.0, _STRENGTH
            head[number, 0] = logit / scale
        head[WORDS.index(END), 1] = 20.0 / scale
        head[WORDS.index(END), 0] = -20.0 / scale
    return model
