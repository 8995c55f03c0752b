// Where a session's calls stand in their agents' lanes: shares of the session's time, heights by the context used.
import type { AgentInfo, SessionDetail } from '../lib/types';

export interface Bar {
  id: string;
  /** Of the session's time, 0 to 1. */
  from: number;
  to: number;
  /** Of the lane's height, 0 to 1: the context against the largest, or the window where it is known. */
  height: number;
  status: string;
  title: string;
}
export interface Lane {
  id: string | null;
  name: string;
  depth: number;
  top: number;
  bars: Bar[];
  /** Where its context was compacted. */
  marks: { at: number; title: string }[];
}

export interface Lanes {
  lanes: Lane[];
  height: number;
  /** Tokens at the full height of a lane. */
  full: number;
  /** Where the model's window is drawn, of the lane's height; null: it is unknown, or far above. */
  window: number | null;
  /** Milliseconds since the Unix epoch. */
  begin: number;
  end: number;
}

const LANE = 36;

/** A window this many times the largest context would leave nothing to be seen. */
const FAR = 5;

/** The lanes, main first, each agent under the one that started it. */
export function layOut(session: SessionDetail): Lanes {
  const lanes: Lane[] = [];
  const add = (agents: AgentInfo[], depth: number) => {
    for (const agent of agents) {
      const name = agent.id == null ? 'main' : (agent.type ?? agent.id.slice(0, 10));
      lanes.push({ id: agent.id ?? null, name, depth, top: lanes.length * LANE, bars: [], marks: [] });
      add(agent.children as AgentInfo[], depth + 1);
    }
  };
  add(session.agentsTree as AgentInfo[], 0);
  const byId = new Map(lanes.map((lane) => [lane.id, lane]));
  const ends = session.lanes.map((call) => call.end ?? call.start);
  const begin = Math.min(...session.lanes.map((call) => call.start));
  const span = Math.max(1, Math.max(...ends) - begin);
  const largest = Math.max(1, ...session.lanes.map((call) => call.context ?? 0));
  const { contextWindow } = session;
  const near = contextWindow != null && contextWindow <= largest * FAR ? contextWindow : null;
  const most = near ?? largest;
  for (const call of session.lanes) {
    byId.get(call.agentId ?? null)?.bars.push({
      id: call.id,
      from: (call.start - begin) / span,
      to: ((call.end ?? begin + span) - begin) / span,
      height: Math.min(1, Math.max(0.08, (call.context ?? 0) / most)),
      status: call.status,
      title: [call.class, call.model, call.cause].filter(Boolean).join(' · '),
    });
  }
  for (const one of session.compactions) {
    const at = (Date.parse(one.at) - begin) / span;
    const title = [one.why, one.source, `${one.before ?? '?'} → ${one.after ?? '?'}`]
      .filter(Boolean)
      .join(' · ');
    if (at >= 0 && at <= 1) byId.get(one.agent ?? null)?.marks.push({ at, title });
  }
  return {
    lanes,
    height: Math.max(LANE, lanes.length * LANE) + 22,
    full: most,
    window: near === null ? null : 1,
    begin,
    end: begin + span,
  };
}
