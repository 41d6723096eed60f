"""How one network is made, trained and measured."""
