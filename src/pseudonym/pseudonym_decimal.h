/*
 * pseudonym_decimal.h: for the formats of numbers as people write them, with separators between the
 * digits.
 */
#ifndef PP_PSEUDONYM_DECIMAL_H
#define PP_PSEUDONYM_DECIMAL_H

/*
 * Copies the ASCII digits out of so many bytes, at most limit of them. Returns how many there are,
 * which may be more than limit; -1 when there is another character that is not among the separators.
 */
extern int	collect_digits(const char *bytes, int length, const char *separators, char *digits, int limit);

/* A copy of the text with its digits, in their order, replaced by these; palloc'd. */
extern text *respell(const text *value, const char *digits);

/* So many digits as a number, and a number as so many digits, zeros in front; at most 19. */
extern uint64 read_decimal(const char *digits, int count);
extern void write_decimal(char *digits, int count, uint64 number);

/*
 * What an argument "form" asks for: "issuable" or "not_issuable". Raises invalid_parameter_value for
 * another word.
 */
extern bool is_issuable(const text *form);

/* 10 to the power of exponent, 0 .. 19. */
extern uint64 power_of_ten(int exponent);

#endif							/* PP_PSEUDONYM_DECIMAL_H */
