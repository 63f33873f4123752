"""What ``explain`` does: substitutes, differentiates, takes chunks out, compares, writes."""
