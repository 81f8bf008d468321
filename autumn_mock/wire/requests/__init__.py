"""What every call accepts: one class of parameters per call, named after it."""
