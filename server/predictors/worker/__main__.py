"""`python -m server.predictors.worker`: started by the predictor `transformers`, never by hand."""

from server.predictors.worker.main import main

if __name__ == "__main__":
    raise SystemExit(main())
