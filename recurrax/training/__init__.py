"""What a training adds around a cell: clipping, constraints and regularisers."""
