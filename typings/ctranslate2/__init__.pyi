# Types of the part of CTranslate2 that server/predictors uses; the library ships none.

class GenerationResult:
    sequences: list[list[str]]
    sequences_ids: list[list[int]]
    scores: list[float]

class AsyncGenerationResult:
    def done(self) -> bool: ...
    def result(self) -> GenerationResult: ...

class ScoringResult:
    tokens: list[str]
    log_probs: list[float]

class Generator:
    def __init__(
        self,
        model_path: str,
        device: str = ...,
        *,
        compute_type: str = ...,
        inter_threads: int = ...,
        intra_threads: int = ...,
    ) -> None: ...
    def generate_batch(
        self,
        start_tokens: list[list[str]],
        *,
        asynchronous: bool = ...,
        max_length: int = ...,
        beam_size: int = ...,
        num_hypotheses: int = ...,
        return_alternatives: bool = ...,
        length_penalty: float = ...,
        return_scores: bool = ...,
        include_prompt_in_result: bool = ...,
        end_token: str = ...,
        suppress_sequences: list[list[str]] | None = ...,
    ) -> list[AsyncGenerationResult]: ...
    def score_batch(
        self, tokens: list[list[str]], *, max_batch_size: int = ...
    ) -> list[ScoringResult]: ...
    def unload_model(self) -> None: ...
