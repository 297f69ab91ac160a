# name_lists.awk: makes C arrays of the lists of names, one per file, for pseudonym_name.c.
#
# A list is names with commas between them; lines that begin with # say what it is. Names are in UTF-8,
# with letters of ASCII and Latin-1 only (whose first byte is \303), which is all that pseudonym_name.c can
# write in other encodings. Run with LC_ALL=C, so that lengths are bytes.

FNR == 1 {
	finish_list()
	name = FILENAME
	gsub(/^.*\/|\.txt$/, "", name)
	printf "static const char *const %s[] = {\n", name
}

/^#/ { next }

/[\300-\302\304-\377"\\\t]/ {
	print FILENAME ":" FNR ": a character that no name has" > "/dev/stderr"
	failed = 1
}

{
	count = split($0, names, /, */)
	for (i = 1; i <= count; i++)
	{
		if (names[i] == "")
			continue
		printf "\t\"%s\",\n", names[i]
		if (length(names[i]) > longest)
			longest = length(names[i])
	}
}

END {
	finish_list()
	print "#define LONGEST_NAME", longest
	exit failed
}

function finish_list()
{
	if (name != "")
		print "};\n"
}
