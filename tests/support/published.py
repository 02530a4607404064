"""Small data sets in the formats that others publish theirs in."""

USERS, ITEMS = 6, 12


def recbole(folder):
    """Write atomic files of RecBole, with links, an item table and a user table."""
    rows = [
        f"u{user}\ti {item}\t{item % 5}.5\t{100 * user + item}"
        for user in range(USERS)
        for item in range(ITEMS)
        if (user + item) % 3
    ]
    header = "user_id:token\titem_id:token\trating:float\ttimestamp:float"
    (folder / "tiny.inter").write_text("\n".join([header, *rows]))
    (folder / "tiny.kg").write_text(
        "head_id:token\trelation_id:token\ttail_id:token\n"
        + "".join(f"m.{item}\tgenre of\tg{item % 2}\n" for item in range(ITEMS))
    )
    (folder / "tiny.link").write_text(
        "item_id:token\tentity_id:token\n"
        + "".join(f"i {item}\tm.{item}\n" for item in range(1, ITEMS))
        + "i 2\tm.3\n"
    )
    (folder / "tiny.item").write_text(
        "item_id:token\ttitle:token_seq\tclass:token_seq\tkind:token\tprice:float\n"
        + 'i 1\tA, "b"\ta|b c\tx;y\t0.1\n'
        + "i 2\t\t\t\tcheap\n"
        + "new\tNobody's\tc\tx;y\t3\n"
    )
    (folder / "tiny.user").write_text("user_id:token\tage:float\nu1\t33\nlonely\t\n")


def kgat(folder):
    """Write the files of KGAT: lists of items for each user, and triples."""
    for name in ("train", "test"):
        lines = [
            " ".join([str(u), *(str(i) for i in range(ITEMS) if (i % 4 == 0) == (name == "test"))])
            for u in range(USERS)
        ]
        (folder / f"{name}.txt").write_text("\n".join(lines))
    (folder / "kg_final.txt").write_text("".join(f"{i} 0 {ITEMS + i % 2}\n" for i in range(9)))


def kgcn(folder):
    """Write the files of KGCN: ratings, triples, and the entities of items."""
    rows = [f"{u}\t{i}\t1" for u in range(USERS) for i in range(ITEMS) if (u + i) % 2]
    (folder / "ratings.txt").write_text("\n".join(rows))
    (folder / "kg.txt").write_text("".join(f"e{i}\tby\tperson {i % 3}\n" for i in range(9)))
    index = "".join(f"{i}\te{i}\n" for i in range(9))
    (folder / "item_index2entity_id.txt").write_text(index)
