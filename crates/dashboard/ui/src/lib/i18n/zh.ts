// 简体中文。
import { detailZh } from '../../detail/messages.zh';
import type { en } from './en';

type Messages = Record<keyof typeof en, string>;

export const zh: Messages = {
  'copy.copy': '复制',
  'copy.what': '复制 {what}',
  'copy.done': '已复制',
  'copy.doneWhat': '已复制 {what}',
  'copy.refused': '浏览器不允许复制。请选中文字后手动复制。',
  ...detailZh,
};
