// Days and times as file names have them: they sort, and no part of the world reads them otherwise.

/** @param {number} number */
const two = (number) => String(number).padStart(2, '0');

/** @param {Date} date */
export const dayOf = (date) => [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');

/**
 * @param {Date} date
 * @param {string} between what stands between hours, minutes and seconds
 */
export const clockOf = (date, between) => [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(between);
