"""DuckDB: one scan of a Parquet file that sums every column of numbers and looks at every text."""

import sys

import duckdb
from clock import measured

threads, path, *columns = sys.argv[1:]
looked = {"timestamp": "max(epoch_us(timestamp))", "prediction_id": "max(strlen(prediction_id))"}
sums = ", ".join(looked.get(name, f"sum({name})") for name in columns)
with measured() as facts:
    connection = duckdb.connect()
    if threads != "default":
        connection.execute(f"set threads = {int(threads)}")
    (found,) = connection.execute(f"select count(*), {sums} from '{path}'").fetchall()
    facts["rows"] = found[0]
