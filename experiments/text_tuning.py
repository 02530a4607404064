"""What a tuned encoder's vectors alone are worth, without any model: validation or test.

    python experiments/text_tuning.py ENCODER [--config experiments/tune_cold_items.yaml] [--test]

A user is the mean of the vectors of the liked training items, items are ranked by cosine.
"""

import argparse
import json

import numpy as np

from kgrec.config import load_config
from kgrec.datasets.loading import load_dataset
from kgrec.models.popular import MostPopular
from kgrec.runs.encoder_quality import measure_vectors
from kgrec.runs.making import make_recommender
from kgrec.runs.text_tuning import item_texts, prepared_data
from kgrec.text import TextEncoder
from kgrec.text.vectors import TextVectors


def main() -> None:
    """Print the metrics as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("encoder", help="a folder, or a name such as all-MiniLM-L6-v2")
    parser.add_argument("--config", default="experiments/tune_cold_items.yaml")
    parser.add_argument("--max-length", type=int)
    parser.add_argument("--test", action="store_true", help="look at the test part")
    given = parser.parse_args()
    config = load_config(given.config)
    assert config.text is not None
    dataset = load_dataset(config.data, config.seed)
    recommender = make_recommender(config, dataset, MostPopular())
    prepared = prepared_data(recommender.inputs, dataset.split)
    texts = item_texts(prepared, config.text)
    split = dataset.split.reindex(prepared.data.train.users, prepared.data.train.items)
    vectors = TextVectors(TextEncoder(given.encoder, max_length=given.max_length)).of(texts)
    part = "test" if given.test else "valid"
    found = measure_vectors(np.asarray(vectors), split, part)
    print(json.dumps({"part": part, "encoder": given.encoder, **found.metrics}, indent=1))


if __name__ == "__main__":
    main()
