"""What the integration tests stand on: the relay under test, real and scripted peers, clients, names, waiting."""
