"""What the SQL source is made of: sessions, relations, predicates, and what databases count."""
