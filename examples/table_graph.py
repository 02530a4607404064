"""A graph from a table: a mapping says which column becomes relations, and which stays a value.

kgrec suggests a mapping with its reasons; it is a value like any other, so that it can be changed
before it is used. Expect a reason for each column, and a graph of makers without the shelves.
"""

import pandas as pd

import kgrec

products = pd.DataFrame(
    {
        "sku": ["s1", "s2", "s3", "s4"],
        "title": ["Clay teapot", "Glass teapot", "Clay mug", "Moka pot"],
        "maker": ["Anmut", "Anmut", "Keller", "Keller"],
        "tags": ["tea|clay", "tea|glass", "tea|clay", "coffee|steel"],
        "shelf": ["A", "A", "B", "B"],
        "price": [38, 29, 12, 27],
    }
)
suggested, reasons = kgrec.suggest_mapping(products)
print(*reasons, sep="\n")

kept = {name: column for name, column in suggested.relations.items() if name != "shelf"}
mapping = suggested.model_copy(update={"relations": kept})
kg = kgrec.KnowledgeGraph.from_table(products, mapping)
print(kg)
print(kg.to_pandas()[["head", "tail"]].head(3).to_string(index=False))
