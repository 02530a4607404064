"""A BERT of random weights that knows a few words, and planted choices by the words of texts."""

import numpy as np
import torch
from scipy.sparse import csr_matrix
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

TOPICS = (
    ["space", "alien", "ship", "star", "planet", "rocket"],
    ["heist", "thief", "bank", "robbery", "plan", "safe"],
    ["love", "train", "paris", "letter", "summer", "kiss"],
)
FILLERS = ["the", "a", "of", "one", "last", "in", "story", "about", "and", "long", "film"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [*SPECIAL, *FILLERS, *(word for topic in TOPICS for word in topic)]


def write_tiny_bert(folder, *, layers=3, dropout=0.1, seed=0):
    """Write the folder of a model with hidden size 32; return its path."""
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=layers, num_attention_heads=2,
        intermediate_size=48, max_position_embeddings=24, hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        BertModel(config).save_pretrained(folder)
    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, "[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
        sep_token="[SEP]", mask_token="[MASK]", model_max_length=20,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def topic_texts(num, seed=0):
    """Return texts that are about one topic each, of several lengths, and their topics.

    Two texts of a topic share a word of it only by chance, so that the encoder has to learn which
    words belong together.
    """
    random = np.random.default_rng(seed)
    topics = np.arange(num) % len(TOPICS)
    texts = []
    for topic in topics:
        words = [
            *random.choice(TOPICS[topic], 2, replace=False),
            *random.choice(FILLERS, random.integers(2, 7)),
        ]
        texts.append(" ".join(random.permutation(words)))
    return texts, topics


def topic_choices(topics, num_users=20, per_user=5, seed=0):
    """Return who chose what, CSR: each user has one topic, and chooses items of it alone."""
    random = np.random.default_rng(seed)
    rows, columns = [], []
    for user in range(num_users):
        own = np.flatnonzero(topics == user % len(TOPICS))
        rows += [user] * per_user
        columns += random.choice(own, per_user, replace=False).tolist()
    return csr_matrix((np.ones(len(rows)), (rows, columns)), (num_users, len(topics)))
