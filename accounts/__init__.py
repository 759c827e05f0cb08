"""Who: operators, customers, roles and sign-in."""
