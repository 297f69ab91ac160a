-- static_masking: tables rewritten with their columns' treatments applied. A grant of these is no grant on a table: the caller
-- must own what is rewritten.

CREATE PROCEDURE privacy.mask_table(table_name regclass)
LANGUAGE C
AS 'MODULE_PATHNAME', 'pp_sql_mask_table';
REVOKE ALL ON PROCEDURE privacy.mask_table(regclass) FROM PUBLIC;
COMMENT ON PROCEDURE privacy.mask_table(regclass) IS
	'Rewrites a table, with its partitions and children, so that every column has the value its label''s treatment gives it: the treatment without THEN, else THEN''s; labels of parents count, drafts do not. One rewrite as of ALTER TABLE, in the caller''s transaction: no dead row keeps an old value, indexes are rebuilt, statistics removed, materialized views refreshed, stored generated columns computed again; CHECK, NOT NULL, domains, unique and foreign keys are checked, and nothing is changed if one would not hold. Triggers do not fire. Takes AccessExclusiveLock and room for a second copy; a transaction with an older snapshot sees the masked rows of now, not those of its snapshot. table_name: an ordinary or partitioned table that the caller owns. Raises insufficient_privilege, wrong_object_type, object_not_in_prerequisite_state for a published table, feature_not_supported for a temporary one or another table access method, invalid_object_definition when there is nothing to mask or a partition key would change, PV001 and PV002 for the root key, and what the masked rows violate.';

CREATE PROCEDURE privacy.mask_database()
LANGUAGE C
AS 'MODULE_PATHNAME', 'pp_sql_mask_database';
REVOKE ALL ON PROCEDURE privacy.mask_database() FROM PUBLIC;
COMMENT ON PROCEDURE privacy.mask_database() IS
	'Does what privacy.mask_table() does to every table of this database that has a treatment, in one transaction: all of them or none. Foreign keys are checked when all are rewritten, so that both sides of a key change together. The caller must own every one of these tables. Holds all their locks, and room for a second copy of all, to the end. Raises as privacy.mask_table() does; a notice when there is nothing to mask.';

CREATE PROCEDURE privacy.rekey_column(table_name regclass, column_name name, scope text, raw_column name DEFAULT NULL)
LANGUAGE C
AS 'MODULE_PATHNAME', 'pp_sql_rekey_column';
REVOKE ALL ON PROCEDURE privacy.rekey_column(regclass, name, text, name) FROM PUBLIC;
COMMENT ON PROCEDURE privacy.rekey_column(regclass, name, text, name) IS
	'Brings the pseudonyms of a column over to the scope''s current version, by one UPDATE as the table''s owner: pseudonyms of older versions become privacy.chain_pseudonym() of themselves, or, where raw_column (of the same table) has the raw value, its pseudonym in the format that the column''s label names. What is no pseudonym of the scope, or is one of the current version, stays. Triggers fire; constraints are made immediate for the rest of the transaction. table_name: a table that the caller owns, with its partitions and children. Raises insufficient_privilege, undefined_column, undefined_object for the scope, feature_not_supported for a type whose pseudonyms cannot be recognised, PV001 and PV002 for the root key, and what the new values violate. Chaining: EDPB Guidelines 01/2025, par. 91.';

CREATE PROCEDURE privacy.rekey_table(table_name regclass)
LANGUAGE C
AS 'MODULE_PATHNAME', 'pp_sql_rekey_table';
REVOKE ALL ON PROCEDURE privacy.rekey_table(regclass) FROM PUBLIC;
COMMENT ON PROCEDURE privacy.rekey_table(regclass) IS
	'Does what privacy.rekey_column() does, by chaining, to every column of the table that is labelled PSEUDONYMIZE, each in the scope its label names; a notice for those whose format cannot be recognised. Raises as privacy.rekey_column() does, and invalid_object_definition when there is no such column.';
