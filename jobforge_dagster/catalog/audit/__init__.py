"""The audit: each control of data management, computed from files and documents.

Nothing that is stored as a claim is believed: what a document says is compared with the data, the
code or another document that must agree with it. A control passes if it had something to look at
and found nothing wrong.
"""
