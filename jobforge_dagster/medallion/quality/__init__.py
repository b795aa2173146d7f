"""Quality: rules, the judgement of rows by them, and what is known of those that were refused."""
