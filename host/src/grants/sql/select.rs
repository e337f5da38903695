//! `SELECT`: what is read, from which tables.

use super::{TableVerb, Walk, Walker, absent, names, not_taken};
use sqlparser::ast::{
    Distinct, GroupByExpr, GroupByWithModifier, Join, JoinConstraint, JoinOperator,
    NamedWindowDefinition, NamedWindowExpr, Select, SelectFlavor, SelectItem,
    SelectItemQualifiedWildcardKind, SelectModifiers, TableFactor, TableWithJoins,
    WildcardAdditionalOptions,
};

impl Walker<'_> {
    pub(super) fn select(&mut self, select: &mut Select) -> Walk {
        let Select {
            select_token: _,
            optimizer_hints,
            distinct,
            select_modifiers,
            top,
            top_before_distinct: _,
            projection,
            exclude,
            into,
            from,
            lateral_views,
            prewhere,
            selection,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having,
            named_window,
            qualify,
            window_before_qualify: _,
            value_table_mode,
            flavor,
        } = select;
        absent(optimizer_hints.is_empty(), "hints")?;
        absent(into.is_none(), "INTO")?;
        absent(!matches!(distinct, Some(Distinct::On(_))), "DISTINCT ON")?;
        select_modifiers.iter().try_for_each(modifiers)?;
        absent(*flavor == SelectFlavor::Standard, "FROM before SELECT")?;
        absent(top.is_none() && exclude.is_none() && qualify.is_none(), "such a SELECT")?;
        absent(lateral_views.is_empty() && prewhere.is_none(), "such a SELECT")?;
        absent(connect_by.is_empty() && value_table_mode.is_none(), "such a SELECT")?;
        absent(cluster_by.is_empty() && distribute_by.is_empty(), "such a SELECT")?;
        absent(sort_by.is_empty(), "such a SELECT")?;
        self.items(projection)?;
        self.tables(from, TableVerb::Select)?;
        selection.iter_mut().try_for_each(|filter| self.expr(filter))?;
        self.group(group_by)?;
        having.iter_mut().try_for_each(|filter| self.expr(filter))?;
        for NamedWindowDefinition(name, window) in named_window {
            names::quote(name)?;
            match window {
                NamedWindowExpr::NamedWindow(ident) => names::quote(ident)?,
                NamedWindowExpr::WindowSpec(window) => self.window(window)?,
            }
        }
        Ok(())
    }

    pub(super) fn items(&mut self, items: &mut [SelectItem]) -> Walk {
        items.iter_mut().try_for_each(|item| match item {
            SelectItem::UnnamedExpr(expr) => self.expr(expr),
            SelectItem::ExprWithAlias { expr, alias } => {
                names::quote(alias)?;
                self.expr(expr)
            }
            SelectItem::Wildcard(options) => wildcard(options),
            SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(name),
                options,
            ) => {
                wildcard(options)?;
                names::quote_all(name)
            }
            SelectItem::QualifiedWildcard(..) | SelectItem::ExprWithAliases { .. } => {
                Err(not_taken("such a column"))
            }
        })
    }

    fn group(&mut self, group: &mut GroupByExpr) -> Walk {
        match group {
            GroupByExpr::Expressions(exprs, modifiers) => {
                let plain = |modifier: &GroupByWithModifier| {
                    matches!(modifier, GroupByWithModifier::Rollup)
                };
                absent(modifiers.iter().all(plain), "such a GROUP BY")?;
                self.exprs(exprs)
            }
            GroupByExpr::All(_) => Err(not_taken("GROUP BY ALL")),
        }
    }

    /// Tables that are used with a verb, and what is joined to them.
    pub(super) fn tables(&mut self, tables: &mut [TableWithJoins], verb: TableVerb) -> Walk {
        tables.iter_mut().try_for_each(|table| self.joined(table, verb))
    }

    pub(super) fn joined(&mut self, table: &mut TableWithJoins, verb: TableVerb) -> Walk {
        let TableWithJoins { relation, joins } = table;
        self.factor(relation, verb)?;
        for Join { relation, global, join_operator } in joins {
            absent(!*global, "such a join")?;
            self.factor(relation, verb)?;
            let constraint = match join_operator {
                JoinOperator::Join(constraint)
                | JoinOperator::Inner(constraint)
                | JoinOperator::Left(constraint)
                | JoinOperator::LeftOuter(constraint)
                | JoinOperator::Right(constraint)
                | JoinOperator::RightOuter(constraint)
                | JoinOperator::CrossJoin(constraint)
                | JoinOperator::StraightJoin(constraint) => constraint,
                _ => return Err(not_taken("such a join")),
            };
            match constraint {
                JoinConstraint::On(expr) => self.expr(expr)?,
                JoinConstraint::Using(columns) => {
                    columns.iter_mut().try_for_each(names::quote_all)?;
                }
                JoinConstraint::Natural | JoinConstraint::None => {}
            }
        }
        Ok(())
    }

    fn factor(&mut self, factor: &mut TableFactor, verb: TableVerb) -> Walk {
        self.deeper(|walker| match factor {
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_hints,
            } => {
                absent(args.is_none(), "a function as a table")?;
                absent(with_hints.is_empty() && version.is_none(), "such a table")?;
                absent(!*with_ordinality && json_path.is_none(), "such a table")?;
                absent(sample.is_none(), "such a table")?;
                partitions.iter_mut().try_for_each(names::quote)?;
                for hint in index_hints {
                    hint.index_names.iter_mut().try_for_each(names::quote)?;
                }
                alias.iter_mut().try_for_each(|alias| walker.alias(alias))?;
                walker.table(name, verb)
            }
            TableFactor::Derived { lateral: _, subquery, alias, sample } => {
                absent(sample.is_none(), "such a table")?;
                alias.iter_mut().try_for_each(|alias| walker.alias(alias))?;
                walker.query(subquery)
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                alias.iter_mut().try_for_each(|alias| walker.alias(alias))?;
                walker.joined(table_with_joins, verb)
            }
            _ => Err(not_taken("such a table")),
        })
    }
}

fn modifiers(modifiers: &SelectModifiers) -> Walk {
    let SelectModifiers {
        high_priority,
        straight_join: _,
        sql_small_result: _,
        sql_big_result: _,
        sql_buffer_result: _,
        sql_no_cache: _,
        sql_calc_found_rows,
    } = modifiers;
    absent(!*high_priority, "HIGH_PRIORITY")?;
    // It is asked for by another statement, which may be somebody else's.
    absent(!*sql_calc_found_rows, "SQL_CALC_FOUND_ROWS")
}

fn wildcard(options: &WildcardAdditionalOptions) -> Walk {
    let WildcardAdditionalOptions {
        wildcard_token: _,
        opt_ilike,
        opt_exclude,
        opt_except,
        opt_replace,
        opt_rename,
        opt_alias,
    } = options;
    let plain = opt_ilike.is_none()
        && opt_exclude.is_none()
        && opt_except.is_none()
        && opt_replace.is_none()
        && opt_rename.is_none()
        && opt_alias.is_none();
    absent(plain, "such a `*`")
}
