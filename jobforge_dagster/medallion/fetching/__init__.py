"""How a file comes over the network: whole and checked, or not at all.

Knows HTTP and CKAN, but neither tables nor domains: what is fetched is a file in a folder.
"""
