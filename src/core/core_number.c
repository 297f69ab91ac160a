/*
 * core_number.c: the check digits and dates inside of numbers that people have.
 *
 * Shared by what recognises such numbers in texts and what makes pseudonyms of them, so that both
 * agree on what is one. A Swedish personal number is a date of birth, a serial of three digits and
 * a Luhn digit over those nine; the century is written in front, or not at all. A coordination
 * number is the same with 60 added to the day. Of random numbers of ten digits one in 137 passes.
 */
#include "postgres.h"

#include "core/core.h"

#define NUMBER_DIGITS	10
#define COORDINATION	60		/* added to the day */

static bool are_digits(const char *digits, int length);
static int	read_pair(const char *digits);

int
pp_core_luhn_digit(const char *digits, int length)
{
	static const int doubled[10] = {0, 2, 4, 6, 8, 1, 3, 5, 7, 9};
	int			sum = 0;

	for (int i = 0; i < length; i++)
	{
		int			digit = digits[length - 1 - i] - '0';

		sum += i % 2 == 0 ? doubled[digit] : digit;
	}
	return (10 - sum % 10) % 10;
}

bool
pp_core_is_personal_number(const char *digits, int length)
{
	const char *number;
	int			century = 20;
	int			day;

	if ((length != NUMBER_DIGITS && length != NUMBER_DIGITS + 2) || !are_digits(digits, length))
		return false;
	if (length > NUMBER_DIGITS)
		century = read_pair(digits);
	if (century < 18 || century > 20)
		return false;
	number = digits + length - NUMBER_DIGITS;
	day = read_pair(number + 4);
	if (day > COORDINATION)
		day -= COORDINATION;
	return day >= 1 &&
		day <= pp_core_days_of_month(100 * century + read_pair(number), read_pair(number + 2)) &&
		pp_core_luhn_digit(number, NUMBER_DIGITS - 1) == number[NUMBER_DIGITS - 1] - '0';
}

int
pp_core_days_of_month(int year, int month)
{
	static const int days[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool		is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	if (month < 1 || month > 12)
		return 0;
	return days[month] + (month == 2 && is_leap);
}

static bool
are_digits(const char *digits, int length)
{
	for (int i = 0; i < length; i++)
		if (digits[i] < '0' || digits[i] > '9')
			return false;
	return true;
}

static int
read_pair(const char *digits)
{
	return 10 * (digits[0] - '0') + digits[1] - '0';
}
