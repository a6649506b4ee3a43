// What the benchmark tells the engine it starts, and what that engine tells about itself. Both sides import this.

export interface EngineChildOptions {
  readonly dataDirectory: string;
  readonly storeUrl: string;
  readonly port: number;
  readonly adminPort: number;
  /** Where it answers with its facts. */
  readonly factsPort: number;
  /** Waited before every GET of the store. */
  readonly getLatencyMs: number;
  readonly settings: Readonly<Record<string, string>>;
}

export interface EngineFacts {
  /** Calls to the store that the engine made, by what the object is and the operation: "level_one get". Tries of retries count once. */
  readonly calls: Readonly<Record<string, number>>;
  /** Delay of the event loop since the facts were last asked for. */
  readonly loopDelayMs: { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number };
  readonly heapBytes: number;
  readonly bufferBytes: number;
}
