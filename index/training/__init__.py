"""From question sets to the reader's weights: python -m index.training --help"""
