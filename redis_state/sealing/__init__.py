"""Values compressed and sealed: what lies behind the flags of an envelope, and its options."""
