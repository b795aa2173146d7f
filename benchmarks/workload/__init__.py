"""A synthetic workload in the shape of labour-market facts: a domain, and the file it reads."""
