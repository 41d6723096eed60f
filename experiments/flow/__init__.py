"""The parts of the gradient-flow study: what it is asked for, what it measures, what it draws."""
