export const detailEn = {} as const;
