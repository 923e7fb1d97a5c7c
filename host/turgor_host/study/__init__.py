"""What the rules are worth on modelled patients: a cohort, errors of sensors and people, and the truth behind them."""
