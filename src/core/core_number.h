/*
 * core_number.h: the check digits and dates inside of numbers that people have; part of core.h.
 */
#ifndef PP_CORE_NUMBER_H
#define PP_CORE_NUMBER_H

/* The Luhn digit (ISO/IEC 7812-1) to append to so many ASCII digits: 0 .. 9. */
extern int	pp_core_luhn_digit(const char *digits, int length);

/*
 * Whether ASCII digits are a Swedish personal or coordination number: 10 digits, or 12 with the
 * century in front (18, 19 or 20); a date of the calendar, the day of a coordination number being
 * 60 more; a valid Luhn digit over the last ten. Ten digits are judged leniently: 29 February 00
 * is a date, since 2000 had one. Another length, or a character that is no digit: false.
 */
extern bool pp_core_is_personal_number(const char *digits, int length);

/* Days of a month (1 .. 12) of a year; 0 for another month. */
extern int	pp_core_days_of_month(int year, int month);

#endif							/* PP_CORE_NUMBER_H */
