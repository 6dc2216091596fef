#!/usr/bin/env python3
"""Prints what each column takes in each Parquet encoding: the table in the docs of `schema::Encoding`.

    target/peers-venv/bin/python benches/peers/encodings.py LAKE

Every tenth file of the lake is written anew with each encoding that the column's type has, at zstd level 1, as `callake`
writes, and the compressed bytes are added up by column. benches/peers/run.py --keep makes the environment and a lake,
target/peers/out-callake. Columns that no encoding makes smaller by 1 in 200 than a dictionary does are left out.
"""

import collections
import io
import pathlib
import sys

import pyarrow.parquet as pq

ENCODINGS = {
    "dictionary": [],
    "plain": ["INT64", "DOUBLE", "BYTE_ARRAY"],
    "delta_binary_packed": ["INT64"],
    "byte_stream_split": ["INT64", "DOUBLE"],
    "delta_length_byte_array": ["BYTE_ARRAY"],
    "delta_byte_array": ["BYTE_ARRAY"],
}


def main(lake):
    files = sorted(pathlib.Path(lake).rglob("*.parquet"))[3::10]
    found = collections.defaultdict(collections.Counter)
    rows = 0
    for file in files:
        table = pq.ParquetFile(file).read()
        rows += table.num_rows
        types = dict(columns(pq.ParquetFile(file).metadata, lambda column: column.physical_type))
        for encoding, takes in ENCODINGS.items():
            chosen = {path: encoding.upper() for path, kind in types.items() if kind in takes}
            out = io.BytesIO()
            pq.write_table(
                table,
                out,
                compression="zstd",
                compression_level=1,
                use_dictionary=[path for path in types if path not in chosen] or False,
                column_encoding=chosen or None,
            )
            for path, size in columns(pq.ParquetFile(out).metadata, lambda column: column.total_compressed_size):
                if path in chosen or not takes:
                    found[path][encoding] += size
    print(f"{rows:,} rows in {len(files)} files; KB\n")
    print("| column | " + " | ".join(ENCODINGS) + " |\n|" + " --- |" * (len(ENCODINGS) + 1))
    for path, size in sorted(found.items(), key=lambda item: min(item[1].values()) - item[1]["dictionary"]):
        if min(size.values()) < size["dictionary"] * 0.995:
            cells = [f"{size[encoding] / 1e3:.1f}" if encoding in size else "" for encoding in ENCODINGS]
            print(f"| `{path.replace('.list.element', '[]')}` | " + " | ".join(cells) + " |")


def columns(metadata, value):
    """Path and value of each column chunk of a file."""
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for column in map(group.column, range(metadata.num_columns)):
            yield column.path_in_schema, value(column)


if __name__ == "__main__":
    main(*sys.argv[1:])
