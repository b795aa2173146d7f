"""SQL over all that lies below a data root: read, never write, and nothing else on the machine.

``statement`` judges the text, ``relations`` says what can be asked and makes it, ``catalog`` with
``documents`` does so for what is known; ``sandbox`` runs it, ``answer`` holds the result,
``formats`` writes it, ``errors`` tells what went wrong, and ``shell`` is the prompt.
"""
