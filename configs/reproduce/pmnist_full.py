"""MNIST pixel by pixel in a fixed random order, for a GPU; its files are to lie in data/mnist.

Claim: an LSTM of 100 units has 90.2 % of the test images right (Cooijmans et al. 2017), 95.4 % with batch
normalisation.

    python -m experiments.train --config=configs/reproduce/pmnist_full.py --workdir=runs/pmnist
    python -m experiments.train --config=configs/reproduce/pmnist_full.py --workdir=runs/pmnist_batch_norm \
        --config.remedies="normalize_batch(0.1)+clip_norm(1.0)"

Duration: an hour each on a GPU, by estimate; a day and more on two CPU cores
Expect:   not run yet
"""

from configs import train


def get_config():
    """Returns the configuration; 50 epochs of 60,000 images."""
    config = train.get_config()
    config.update({"tasks": "sequential_images('data/mnist', permuted=True)", "hidden_size": 100, "batch": 64})
    config.update({"remedies": "forget_bias(1.0)+clip_norm(1.0)", "optimizer": "rmsprop", "learning_rate": 1e-3})
    config.update({"steps": 46_900, "log_every": 469, "eval_every": 938, "eval_batches": 156, "save_every": 938})
    config.update({"stop_when_solved": False, "gradient_norms": {"every": 9380}})
    return config
