// The API's types, generated from openapi.json (`npm run api`).
import type { components } from '../../generated/api';

type Schemas = components['schemas'];

export type RequestRow = Schemas['RequestRow'];
export type RequestStatus = Schemas['RequestStatus'];
export type RequestDetail = Schemas['RequestDetail'];
export type RequestPart = Schemas['RequestPart'];
export type ResponsePart = Schemas['ResponsePart'];
export type BodyEncoding = Schemas['BodyEncoding'];
export type Metrics = Schemas['Metrics'];
export type StreamChunk = Schemas['StreamChunk'];
export type MergedContent = Schemas['MergedContent'];
export type ToolCall = Schemas['ToolCall'];
export type Stats = Schemas['StatsAnswer'];
export type Config = Schemas['ConfigAnswer'];
export type LiveMessage = Schemas['LiveMessage'];
export type SessionInfo = Schemas['SessionInfo'];
export type SessionDetail = Schemas['SessionDetail'];
export type AgentInfo = Schemas['AgentInfo'];
export type LaneCall = Schemas['LaneCall'];
export type CacheAnswer = Schemas['CacheAnswer'];
export type CacheInfo = Schemas['CacheInfo'];
export type LimitsAnswer = Schemas['LimitsAnswer'];
export type Cost = Schemas['Cost'];
export type Deleted = Schemas['Deleted'];
export type CompareAnswer = Schemas['CompareAnswer'];
export type ComparedPart = Schemas['ComparedPart'];
export type Report = Schemas['Report'];
export type UsageFigures = Schemas['UsageFigures'];
export type UsageAnswer = Schemas['UsageAnswer'];
