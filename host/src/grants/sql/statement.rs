//! Statements: the five that read or change rows, and what each needs.
//!
//! The verb of a write covers the rows of its own table in `WHERE` and `SET`; every other table
//! that is read needs `select`, in a join as well.

use super::{TableVerb, Walk, Walker, absent, names, not_taken};
use sqlparser::ast::{
    Assignment, AssignmentTarget, Delete, FromTable, Insert, ObjectName, OnInsert, Statement,
    TableFactor, TableObject, TableWithJoins, Update,
};

/// A table that a write with several tables names.
struct Entry {
    alias: Option<String>,
    /// None for a query in place of a table.
    name: Option<ObjectName>,
}

impl Walker<'_> {
    pub(super) fn statement(&mut self, statement: &mut Statement) -> Walk {
        match statement {
            Statement::Query(query) => self.top_query(query),
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => self.update(update),
            Statement::Delete(delete) => self.delete(delete),
            _ => Err(not_taken("anything but SELECT, INSERT, REPLACE, UPDATE and DELETE")),
        }
    }

    fn insert(&mut self, insert: &mut Insert) -> Walk {
        let Insert {
            insert_token: _,
            optimizer_hints,
            or,
            ignore: _,
            into: _,
            table,
            table_alias,
            columns,
            overwrite,
            source,
            assignments,
            partitioned,
            after_columns,
            has_table_keyword,
            on,
            returning,
            output,
            replace_into,
            priority,
            insert_alias,
            settings,
            format_clause,
            multi_table_insert_type,
            multi_table_into_clauses,
            multi_table_when_clauses,
            multi_table_else_clause,
        } = insert;
        absent(optimizer_hints.is_empty(), "hints")?;
        absent(or.is_none() && !*overwrite && !*has_table_keyword, "such an INSERT")?;
        absent(table_alias.is_none() && partitioned.is_none(), "such an INSERT")?;
        absent(after_columns.is_empty() && output.is_none(), "such an INSERT")?;
        absent(settings.is_none() && format_clause.is_none(), "such an INSERT")?;
        absent(multi_table_insert_type.is_none(), "such an INSERT")?;
        absent(multi_table_into_clauses.is_empty(), "such an INSERT")?;
        absent(multi_table_when_clauses.is_empty(), "such an INSERT")?;
        absent(multi_table_else_clause.is_none(), "such an INSERT")?;
        absent(priority.is_none(), "a priority")?;
        absent(source.is_some() || !assignments.is_empty(), "an INSERT of nothing")?;
        let TableObject::TableName(table) = table else {
            return Err(not_taken("such a table to insert into"));
        };
        let target = table.clone();
        let verb = if *replace_into { TableVerb::Replace } else { TableVerb::Insert };
        self.table(table, verb)?;
        columns.iter_mut().try_for_each(names::quote_all)?;
        source.iter_mut().try_for_each(|source| self.query(source))?;
        self.assignments(assignments)?;
        match on {
            None => {}
            Some(OnInsert::DuplicateKeyUpdate(assignments)) => {
                self.table(&mut target.clone(), TableVerb::Update)?;
                self.assignments(assignments)?;
            }
            Some(_) => return Err(not_taken("such an INSERT")),
        }
        if let Some(alias) = insert_alias {
            names::quote_all(&mut alias.row_alias)?;
            alias.col_aliases.iter_mut().flatten().try_for_each(names::quote)?;
        }
        if let Some(items) = returning {
            self.table(&mut target.clone(), TableVerb::Select)?;
            self.items(items)?;
        }
        Ok(())
    }

    fn update(&mut self, update: &mut Update) -> Walk {
        let Update {
            update_token: _,
            optimizer_hints,
            table,
            assignments,
            from,
            selection,
            returning,
            output,
            or,
            order_by,
            limit,
        } = update;
        absent(optimizer_hints.is_empty(), "hints")?;
        absent(from.is_none() && output.is_none() && or.is_none(), "such an UPDATE")?;
        absent(returning.is_none(), "RETURNING after UPDATE")?;
        if let (TableFactor::Table { .. }, []) = (&table.relation, table.joins.as_slice()) {
            self.joined(table, TableVerb::Update)?;
        } else {
            let entries = entries(std::slice::from_ref(table));
            for target in assignments.iter().flat_map(targets) {
                self.written(&entries, qualifier(&target), TableVerb::Update)?;
            }
            self.joined(table, TableVerb::Select)?;
        }
        self.assignments(assignments)?;
        selection.iter_mut().try_for_each(|filter| self.expr(filter))?;
        self.order(order_by)?;
        limit.iter_mut().try_for_each(|limit| self.expr(limit))
    }

    fn delete(&mut self, delete: &mut Delete) -> Walk {
        let Delete {
            delete_token: _,
            optimizer_hints,
            tables,
            from,
            using,
            selection,
            returning,
            output,
            order_by,
            limit,
        } = delete;
        absent(optimizer_hints.is_empty(), "hints")?;
        absent(output.is_none(), "such a DELETE")?;
        let FromTable::WithFromKeyword(from) = from else {
            return Err(not_taken("a DELETE without FROM"));
        };
        match (tables.as_mut_slice(), using.as_mut()) {
            ([], None) => {
                let [TableWithJoins { relation: TableFactor::Table { name, .. }, joins }] =
                    from.as_slice()
                else {
                    return Err(not_taken("such a DELETE"));
                };
                absent(joins.is_empty(), "such a DELETE")?;
                if returning.is_some() {
                    self.table(&mut name.clone(), TableVerb::Select)?;
                }
                self.tables(from, TableVerb::Delete)?;
            }
            (targets @ [_, ..], None) => {
                let entries = entries(from);
                for target in targets {
                    self.written(&entries, Some(names::texts(target)?), TableVerb::Delete)?;
                    names::quote_all(target)?;
                }
                self.tables(from, TableVerb::Select)?;
            }
            ([], Some(using)) => {
                let entries = entries(using);
                for target in from.iter_mut() {
                    let TableFactor::Table { name, .. } = &target.relation else {
                        return Err(not_taken("such a DELETE"));
                    };
                    self.written(&entries, Some(names::texts(name)?), TableVerb::Delete)?;
                    // What it names is written out in USING; here it is a name only.
                    self.name_only(target)?;
                }
                self.tables(using, TableVerb::Select)?;
            }
            _ => return Err(not_taken("such a DELETE")),
        }
        selection.iter_mut().try_for_each(|filter| self.expr(filter))?;
        self.order(order_by)?;
        limit.iter_mut().try_for_each(|limit| self.expr(limit))?;
        returning.iter_mut().try_for_each(|items| self.items(items))
    }

    /// A name in a place where a table could stand.
    fn name_only(&mut self, table: &mut TableWithJoins) -> Walk {
        let TableWithJoins { relation, joins } = table;
        let plain = joins.is_empty()
            && matches!(
                relation,
                TableFactor::Table {
                    alias: None,
                    args: None,
                    version: None,
                    with_ordinality: false,
                    json_path: None,
                    sample: None,
                    ..
                }
            );
        absent(plain, "such a DELETE")?;
        match relation {
            TableFactor::Table { name, with_hints, partitions, index_hints, .. } => {
                let bare = with_hints.is_empty() && partitions.is_empty();
                absent(bare && index_hints.is_empty(), "such a DELETE")?;
                names::quote_all(name)
            }
            _ => Err(not_taken("such a DELETE")),
        }
    }

    fn assignments(&mut self, assignments: &mut [Assignment]) -> Walk {
        for Assignment { target, value } in assignments {
            match target {
                AssignmentTarget::ColumnName(name) => names::quote_all(name)?,
                AssignmentTarget::Tuple(_) => return Err(not_taken("such an assignment")),
            }
            self.expr(value)?;
        }
        Ok(())
    }

    /// Checks a write to one of several tables, or to any of them where none is named.
    fn written(&mut self, entries: &[Entry], target: Option<Vec<String>>, verb: TableVerb) -> Walk {
        let mut known = false;
        for entry in entries.iter().filter(|entry| entry.is(target.as_deref())) {
            known = true;
            // A query's rows cannot be written; without a name the column is another one's.
            match (&entry.name, &target) {
                (Some(name), _) => self.table(&mut name.clone(), verb)?,
                (None, Some(_)) => return Err(not_taken("a write to a query")),
                (None, None) => {}
            }
        }
        absent(known, "a write to a table that it does not name")
    }
}

impl Entry {
    fn is(&self, target: Option<&[String]>) -> bool {
        let Some(target) = target else { return true };
        match (&self.alias, &self.name) {
            (Some(alias), _) => target == std::slice::from_ref(alias),
            (None, Some(name)) => names::texts(name).is_ok_and(|name| {
                name == target
                    || name
                        .last()
                        .zip(target.first())
                        .is_some_and(|(last, first)| target.len() == 1 && last == first)
            }),
            (None, None) => false,
        }
    }
}

/// The tables that a write names, the joined ones included.
fn entries(tables: &[TableWithJoins]) -> Vec<Entry> {
    let factors = |table: &TableWithJoins| -> Vec<TableFactor> {
        let joined = table.joins.iter().map(|join| join.relation.clone());
        std::iter::once(table.relation.clone()).chain(joined).collect()
    };
    tables
        .iter()
        .flat_map(factors)
        .flat_map(|factor| match factor {
            TableFactor::Table { name, alias, .. } => {
                vec![Entry { alias: alias.map(|alias| alias.name.value), name: Some(name) }]
            }
            TableFactor::NestedJoin { table_with_joins, .. } => entries(&[*table_with_joins]),
            TableFactor::Derived { alias, .. } => {
                vec![Entry { alias: alias.map(|alias| alias.name.value), name: None }]
            }
            _ => Vec::new(),
        })
        .collect()
}

/// The columns that an assignment sets.
fn targets(assignment: &Assignment) -> Vec<ObjectName> {
    match &assignment.target {
        AssignmentTarget::ColumnName(name) => vec![name.clone()],
        AssignmentTarget::Tuple(names) => names.clone(),
    }
}

/// The table that a column is said to be of.
fn qualifier(column: &ObjectName) -> Option<Vec<String>> {
    let mut parts = names::texts(column).ok()?;
    parts.pop();
    (!parts.is_empty()).then_some(parts)
}
