/*
 * keyring_root.c: a root key comes from outside the database.
 *
 * A file or a command; the database never makes a key up by itself. What can go wrong is that the
 * file is less secret than its owner believes, and each such case is refused in its own words: a
 * link (it may be turned to a key that somebody else chose), another owner, a mode that lets others
 * read it, a place below the data directory (every base backup would carry the key next to what it
 * protects).
 *
 * The file is opened first and then asked about through its descriptor, so that what was checked is
 * what is read. Its directory is resolved before that, and the file opened by the resolved name,
 * whose last part alone could then be a link, which O_NOFOLLOW refuses.
 *
 * Nothing here throws: the postmaster reads the key too, and a bad key must not keep a database
 * from starting. And no message says anything about the content of the file, only its length.
 */
#include "postgres.h"

#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"

#include "keyring/keyring_internal.h"

#define HEX_DIGITS	(2 * PP_KEY_BYTES)

static const char *const make_a_key =
"Make one with: (umask 077 && openssl rand -hex 32 > FILE), as the user that runs the server.";

static bool refuse(RootRefusal *refusal, const char *message, const char *hint,
				   const char *detail,...) pg_attribute_printf(4, 5);
static bool read_file(const RootSource *source, unsigned char *root, RootRefusal *refusal);
static bool resolve_path(const RootSource *source, char resolved[PATH_MAX], RootRefusal *refusal);
static bool lies_below_data_directory(const char *directory);
static bool check_file(int fd, const char *path, RootRefusal *refusal);
static bool read_key(int fd, const char *path, unsigned char *root, RootRefusal *refusal);
static bool run_command(const RootSource *source, unsigned char *root, RootRefusal *refusal);
static bool parse_key(const char *text, size_t length, const char *origin, unsigned char *root, RootRefusal *refusal);

bool
pp_keyring_read_root(const RootSource *source, unsigned char root[PP_KEY_BYTES], RootRefusal *refusal)
{
	bool		has_file = source->file[0] != '\0';
	bool		has_command = source->command[0] != '\0';

	if (!has_file && !has_command)
		return refuse(refusal, psprintf("there is no %s", source->name),
					  psprintf("Set %s to the absolute path of a key file outside the data directory, or %s, and reload.",
							   source->file_setting, source->command_setting),
					  "Neither %s nor %s is set.", source->file_setting, source->command_setting);
	if (has_file && has_command)
		return refuse(refusal, psprintf("there are two sources for the %s", source->name),
					  "Reset one of them with ALTER SYSTEM RESET, and reload.",
					  "Both %s and %s are set.", source->file_setting, source->command_setting);
	return has_file ? read_file(source, root, refusal) : run_command(source, root, refusal);
}

static bool
refuse(RootRefusal *refusal, const char *message, const char *hint, const char *detail,...)
{
	char text[	1024 + PATH_MAX];
	va_list		arguments;

	va_start(arguments, detail);
	vsnprintf(text, sizeof(text), detail, arguments);
	va_end(arguments);
	refusal->message = message;
	refusal->detail = pstrdup(text);
	refusal->hint = hint;
	return false;
}

static bool
read_file(const RootSource *source, unsigned char *root, RootRefusal *refusal)
{
	const char *path = source->file;
	char		resolved[PATH_MAX];
	int			fd;
	bool		read;

	if (!resolve_path(source, resolved, refusal))
		return false;

	/* Without O_NONBLOCK a named pipe would stop us here. */
	fd = open(resolved, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
	if (fd < 0 && errno == ELOOP)
		return refuse(refusal, "the key file is a symbolic link",
					  psprintf("Name the file itself in %s.", source->file_setting), "\"%s\" is a symbolic link.", path);
	if (fd < 0 && errno == ENOENT)
		return refuse(refusal, "the key file does not exist", make_a_key, "There is no file \"%s\".", path);
	if (fd < 0)
		return refuse(refusal, "the key file cannot be read",
					  "Make it readable for the user that runs the server: chown to that user, chmod 0600.",
					  "Opening \"%s\": %s.", path, strerror(errno));

	read = check_file(fd, path, refusal) && read_key(fd, path, root, refusal);
	close(fd);
	return read;
}

static bool
resolve_path(const RootSource *source, char resolved[PATH_MAX], RootRefusal *refusal)
{
	const char *path = source->file;
	char		directory[PATH_MAX];
	const char *name = strrchr(path, '/');
	size_t		length;

	if (path[0] != '/')
		return refuse(refusal, "the path of the key file is relative",
					  psprintf("Set %s to an absolute path outside the data directory.", source->file_setting),
					  "%s is \"%s\".", source->file_setting, path);
	length = name - path;
	if (strlen(path) >= PATH_MAX)
		return refuse(refusal, "the path of the key file is too long",
					  psprintf("Set %s to a shorter path.", source->file_setting), "It has %zu bytes.", strlen(path));
	memcpy(directory, path, length);
	strcpy(directory + length, length == 0 ? "/" : "");

	if (realpath(directory, resolved) == NULL)
	{
		if (errno == ENOENT || errno == ENOTDIR)
			return refuse(refusal, "the key file does not exist", make_a_key,
						  "There is no directory \"%s\".", directory);
		return refuse(refusal, "the key file cannot be read",
					  "Let the user that runs the server enter every directory on the path.",
					  "Resolving \"%s\": %s.", directory, strerror(errno));
	}
	if (lies_below_data_directory(resolved))
		return refuse(refusal, "the key file is below the data directory",
					  psprintf("Move it elsewhere, and set %s to its new path.", source->file_setting),
					  "A copy of \"%s\", such as a base backup, would carry the key along with what it protects.", DataDir);
	if (strlen(resolved) + strlen(name) >= PATH_MAX)
		return refuse(refusal, "the path of the key file is too long",
					  psprintf("Set %s to a shorter path.", source->file_setting), "It begins with \"%s\".", resolved);
	strcat(resolved, name);
	return true;
}

static bool
lies_below_data_directory(const char *directory)
{
	char		data[PATH_MAX];
	size_t		length;

	if (realpath(DataDir, data) == NULL)
		return true;
	length = strlen(data);
	return strncmp(directory, data, length) == 0 &&
		(directory[length] == '/' || directory[length] == '\0');
}

static bool
check_file(int fd, const char *path, RootRefusal *refusal)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return refuse(refusal, "the key file cannot be read", make_a_key,
					  "Asking about \"%s\": %s.", path, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return refuse(refusal, "the key file is not a regular file", make_a_key,
					  "\"%s\" is a directory, device or pipe.", path);
	if (status.st_uid != geteuid())
		return refuse(refusal, "the key file belongs to another user",
					  "Use chown to give it to the user that runs the server.",
					  "\"%s\" is owned by user id %u, the server runs as %u.",
					  path, (unsigned) status.st_uid, (unsigned) geteuid());
	if ((status.st_mode & 07777 & ~(S_IRUSR | S_IWUSR)) != 0)
		return refuse(refusal, "the key file is open to others",
					  "Use chmod 0600, or 0400.",
					  "\"%s\" has mode %04o, which is looser than 0600.", path, (unsigned) (status.st_mode & 07777));
	return true;
}

static bool
read_key(int fd, const char *path, unsigned char *root, RootRefusal *refusal)
{
	char text[	HEX_DIGITS + 2];	/* one more than allowed, to see that it ends */
	size_t		length = 0;
	ssize_t		got = 0;
	bool		parsed;

	while (length < sizeof(text) && (got = read(fd, text +length, sizeof(text) - length)) > 0)
		length += got;
	if (got < 0)
		parsed = refuse(refusal, "the key file cannot be read", make_a_key,
						"Reading \"%s\": %s.", path, strerror(errno));
	else
		parsed = parse_key(text, length, "The key file", root, refusal);
	sodium_memzero(text, sizeof(text));
	return parsed;
}

/*
 * As the server runs ssl_passphrase_command: through the shell, its standard error into the
 * server's log. Its output goes nowhere but here, and not through a buffer of stdio's that nobody
 * would zero.
 */
static bool
run_command(const RootSource *source, unsigned char *root, RootRefusal *refusal)
{
	char text[	HEX_DIGITS + 2];
	FILE	   *pipe;
	size_t		length;
	int			status;
	bool		parsed;

	fflush(NULL);
	pipe = OpenPipeStream(source->command, "r");
	if (pipe == NULL)
		return refuse(refusal, psprintf("%s could not be run", source->command_setting), "See the server's log.",
					  "Starting it: %s.", strerror(errno));
	setvbuf(pipe, NULL, _IONBF, 0);
	length = fread(text, 1, sizeof(text), pipe);
	status = ClosePipeStream(pipe);
	if (status != 0)
		parsed = refuse(refusal, psprintf("%s failed", source->command_setting),
						"Run it in a shell as the user that runs the server; what it wrote to standard error is in the server's log.",
						"It ended with %s.", status == -1 ? strerror(errno) : wait_result_to_str(status));
	else
		parsed = parse_key(text, length, psprintf("The output of %s", source->command_setting), root, refusal);
	sodium_memzero(text, sizeof(text));
	return parsed;
}

static bool
parse_key(const char *text, size_t length, const char *origin, unsigned char *root, RootRefusal *refusal)
{
	size_t		digits = length;
	size_t		parsed;

	if (digits > 0 && text[digits - 1] == '\n')
		digits--;
	if (digits > HEX_DIGITS)
		return refuse(refusal, "the root key is not 64 hexadecimal digits", make_a_key,
					  "%s holds more than %d bytes.", origin, HEX_DIGITS);
	if (digits < HEX_DIGITS)
		return refuse(refusal, "the root key is not 64 hexadecimal digits", make_a_key,
					  "%s holds %zu bytes.", origin, digits);
	if (sodium_hex2bin(root, PP_KEY_BYTES, text, digits, NULL, &parsed, NULL) != 0 || parsed != PP_KEY_BYTES)
		return refuse(refusal, "the root key is not 64 hexadecimal digits", make_a_key,
					  "%s holds 64 bytes, but not all of them are hexadecimal digits.", origin);
	return true;
}
