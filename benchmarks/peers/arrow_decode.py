"""pyarrow: decode the columns of a Parquet file, and do nothing with them."""

import sys

import pyarrow.parquet as pq
from clock import measured

path, *columns = sys.argv[1:]
with measured() as facts:
    facts["rows"] = 0
    file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
    for batch in file.iter_batches(65_536, columns=columns, use_threads=False):
        facts["rows"] += len(batch)
