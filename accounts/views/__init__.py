"""The account pages of both interfaces: sign-in, second factors, sessions, one's own data, acting as somebody else."""
