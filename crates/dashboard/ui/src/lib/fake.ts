// Rows for tests.
import type { Metrics, RequestRow } from './types';

let count = 0;

/** A finished call with plain figures, changed as told. */
export function fakeRow(fields: Partial<RequestRow> = {}, metrics: Partial<Metrics> = {}): RequestRow {
  count += 1;
  const startTime = fields.startTime ?? 1_795_000_000_000 + count;
  return {
    id: `id-${String(count).padStart(6, '0')}`,
    timestamp: new Date(startTime).toISOString(),
    startTime,
    method: 'POST',
    url: '/v1/messages?beta=true',
    status: 'success',
    outcome: 'complete',
    captureComplete: true,
    captureProblem: null,
    httpStatus: 200,
    model: 'claude-opus-5-5',
    servedModel: 'claude-opus-5-5',
    stream: true,
    stopReason: 'end_turn',
    requestId: 'req_1',
    session: null,
    agent: null,
    requestClass: null,
    client: null,
    project: null,
    promptId: null,
    opening: null,
    asked: null,
    previousId: null,
    previousSource: null,
    retryOf: null,
    compaction: null,
    contextCompacted: null,
    tools: [],
    requestType: 'General Query',
    error: null,
    pinned: false,
    ...fields,
    metrics: {
      duration: 812,
      inputTokens: 10,
      outputTokens: 42,
      firstChunkTime: 90,
      firstTokenTime: 120,
      connectTime: 2,
      requestEndTime: 5,
      longestGap: 40,
      longestGapAt: 90,
      tokensPerSecond: 60,
      chunksCount: 12,
      requestSize: 4000,
      responseSize: 2000,
      totalSize: 6000,
      cacheReadTokens: 0,
      cacheCreation5mTokens: 0,
      cacheCreation1hTokens: 0,
      thinkingTokens: 0,
      totalInputTokens: 10,
      cost: null,
      costReason: null,
      ...metrics,
    },
  };
}
