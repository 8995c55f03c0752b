// English. The catalogue that defines the keys.
import { detailEn } from '../../detail/messages.en';

const shell = {
  'copy.copy': 'Copy',
  'copy.what': 'Copy {what}',
  'copy.done': 'Copied',
  'copy.doneWhat': '{what} copied',
  'copy.refused': 'The browser did not allow copying. Select the text and copy it by hand.',
} as const;

export const en = { ...shell, ...detailEn };
