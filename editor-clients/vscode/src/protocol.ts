// What the server answers beyond the protocol, and how it is asked.
import type { CancellationToken, TextDocument, Position as VsPosition } from "vscode";
import {
  ExecuteCommandRequest,
  type LanguageClient,
  type Position,
  type Range,
  type WorkspaceEdit,
} from "vscode-languageclient/node";

export interface Name {
  readonly name: string;
  /** From 0 to 1. */
  readonly probability: number;
}

/** A place in a document, as commands take it. */
export interface Place {
  readonly uri: string;
  readonly position: Position;
}

/** The answer of `namewright.names`. */
export interface Names {
  readonly function: string;
  readonly range: Range;
  readonly presentProbability: number | null;
  readonly presentIsBest: boolean;
  readonly predictor: string;
  readonly names: readonly Name[];
}

/** One function of an audit whose name fits badly. */
export interface Misfit {
  readonly uri: string;
  readonly range: Range;
  readonly name: string;
  readonly probability: number;
  readonly suggestions: readonly Name[];
}

/** The answer of `namewright.audit`, worst first. */
export interface Audit {
  readonly checked: number;
  readonly functions: readonly Misfit[];
}

export interface Finding {
  readonly severity: "refuse" | "confirm" | "note";
  readonly reason: string;
  readonly uri: string;
  readonly range: Range;
}

/** The answer of `namewright.rename`. */
export interface Renaming {
  readonly applied: boolean;
  readonly edit: WorkspaceEdit | null;
  readonly findings: readonly Finding[];
}

/** The notification `namewright/status`, also the answer to the request of that name. */
export interface Status {
  readonly predictor: string;
  readonly state: "loading" | "ready" | "busy" | "failed" | "unloaded";
  readonly message: string;
  readonly latencyMs: number | null;
  readonly fallback: string | null;
}

export const STATUS = "namewright/status";
export const SET_API_KEY = "namewright/setApiKey";
/** What the server may ask this client to run: a rename by the person's own Python extension. */
export const RENAME_BY_CLIENT = "namewright.renameByClient";

/** Run one of the server's commands. */
export function execute<T>(
  client: LanguageClient,
  command: string,
  argument: object,
  token?: CancellationToken,
): Promise<T> {
  const params = { command, arguments: [argument] };
  return client.sendRequest(ExecuteCommandRequest.type, params, token);
}

/** A place in an open document, for the server. */
export function placeOf(client: LanguageClient, document: TextDocument, at: VsPosition): Place {
  const { line, character } = at;
  return { uri: client.code2ProtocolConverter.asUri(document.uri), position: { line, character } };
}

/** A probability as people read it; never rounded to a certainty. */
export function percent(probability: number): string {
  return probability < 0.01 ? "<1%" : `${Math.round(100 * Math.min(probability, 0.99))}%`;
}
