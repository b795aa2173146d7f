"""The catalog in the formats of others: each module takes a snapshot and gives files.

Nothing here reads or writes a file, and nothing looks further than the documents: what is not in
them is not known.
"""
