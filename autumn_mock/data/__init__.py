"""Data from elsewhere: worlds read from a server through its public calls, generated data, and CSV files."""
