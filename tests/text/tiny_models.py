"""Models of a few thousand random weights, with tokenizers of their own, for each family."""

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    GPT2Config,
    GPT2Model,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3Model,
    RobertaConfig,
    RobertaModel,
    T5Config,
    T5EncoderModel,
)

_SAID = (
    "query : passage a retired thief plans one last bank robbery The thief Drama drama of in Vienna"
    " two strangers fall love on train longer film title represent movie for retrieval"
)
WORDS = _SAID.split()
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"]
TEXTS = [
    "a retired thief plans one last bank robbery",
    "two strangers fall in love on a train",
    "",
    "Drama",
    "a longer film title " * 12,
]

_SIZES = {"vocab_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
_IDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
MODELS = {
    "bert": lambda: BertModel(
        BertConfig(hidden_size=16, intermediate_size=24, max_position_embeddings=40, **_SIZES)
    ),
    "roberta": lambda: RobertaModel(
        RobertaConfig(
            hidden_size=16, intermediate_size=24, max_position_embeddings=34, **_SIZES, **_IDS
        )
    ),
    "distilbert": lambda: DistilBertModel(
        DistilBertConfig(
            vocab_size=48, dim=16, n_layers=2, n_heads=2, hidden_dim=24, max_position_embeddings=40
        )
    ),
    "t5": lambda: T5EncoderModel(
        T5Config(vocab_size=48, d_model=16, d_kv=8, d_ff=24, num_layers=2, num_heads=2)
    ),
    "gpt2": lambda: GPT2Model(
        GPT2Config(vocab_size=48, n_embd=16, n_layer=2, n_head=2, n_positions=40, **_IDS)
    ),
    "qwen3": lambda: Qwen3Model(
        Qwen3Config(
            hidden_size=16,
            intermediate_size=24,
            num_key_value_heads=1,
            head_dim=8,
            **_SIZES,
            **_IDS,
        )
    ),
}


def tokenizer(*, lower_case=False, left=False, max_length=32):
    """A tokenizer of whole words that puts <s> before a text and </s> after it."""
    words = [word.lower() for word in WORDS] if lower_case else WORDS
    inner = Tokenizer(
        models.WordLevel(
            {word: place for place, word in enumerate(dict.fromkeys(SPECIAL + words))}, "<unk>"
        )
    )
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.decoder = decoders.WordPiece()
    inner.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>",
        padding_side="left" if left else "right",
        model_max_length=max_length,
        model_input_names=["input_ids", "attention_mask"],
    )  # fmt: skip


def plain(folder, kind="bert", **given):
    """Save a plain model of transformers, and return its folder."""
    torch.manual_seed(0)
    model = MODELS[kind]()
    with torch.no_grad():  # larger than a new model's, so that texts differ
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.5)
    model.save_pretrained(folder)
    tokenizer(**given).save_pretrained(folder)
    return folder
