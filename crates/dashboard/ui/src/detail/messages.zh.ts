import type { detailEn } from './messages.en';

export const detailZh: Record<keyof typeof detailEn, string> = {};
