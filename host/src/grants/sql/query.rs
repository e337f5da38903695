//! Queries: `WITH`, set operations, order, limits, locks.

use super::{Walk, Walker, absent, names, not_taken};
use sqlparser::ast::{
    Cte, Expr, LimitClause, OrderBy, OrderByExpr, OrderByKind, OrderByOptions, OrderBySort, Query,
    SetExpr, SetOperator, SetQuantifier, TableAlias, Values, With,
};

impl Walker<'_> {
    /// A query within a statement.
    pub(super) fn query(&mut self, query: &mut Query) -> Walk {
        self.deeper(|walker| walker.query_here(query, false))
    }

    /// A query that is the statement: its body may write after a `WITH`.
    pub(super) fn top_query(&mut self, query: &mut Query) -> Walk {
        self.query_here(query, true)
    }

    fn query_here(&mut self, query: &mut Query, top: bool) -> Walk {
        let Query {
            with,
            body,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        absent(fetch.is_none(), "FETCH")?;
        absent(for_clause.is_none(), "such a FOR")?;
        absent(settings.is_none() && format_clause.is_none(), "SETTINGS or FORMAT")?;
        absent(pipe_operators.is_empty(), "pipes")?;
        let locking = self.locking;
        if !locks.is_empty() {
            self.locking = true;
            for table in locks.iter_mut().filter_map(|lock| lock.of.as_mut()) {
                names::quote_all(table)?;
            }
        }
        self.scopes.push(Vec::new());
        with.iter_mut().try_for_each(|with| self.with(with))?;
        self.body(body, top)?;
        if let Some(OrderBy { kind, interpolate }) = order_by {
            absent(interpolate.is_none(), "INTERPOLATE")?;
            match kind {
                OrderByKind::Expressions(order) => self.order(order)?,
                OrderByKind::All(_) => return Err(not_taken("ORDER BY ALL")),
            }
        }
        limit_clause.iter_mut().try_for_each(|limit| self.limit(limit))?;
        self.scopes.pop();
        self.locking = locking;
        Ok(())
    }

    fn with(&mut self, with: &mut With) -> Walk {
        let With { with_token: _, recursive, cte_tables } = with;
        for cte in cte_tables {
            let Cte { alias, query, from, materialized, closing_paren_token: _ } = cte;
            absent(from.is_none() && materialized.is_none(), "such a WITH")?;
            let name = alias.name.value.clone();
            self.alias(alias)?;
            // Without RECURSIVE, a name means the table of this name until its query has ended.
            if *recursive {
                self.see(name);
                self.query(query)?;
            } else {
                self.query(query)?;
                self.see(name);
            }
        }
        Ok(())
    }

    fn see(&mut self, name: String) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.push(name);
        }
    }

    fn body(&mut self, body: &mut SetExpr, top: bool) -> Walk {
        self.deeper(|walker| match body {
            SetExpr::Select(select) => walker.select(select),
            SetExpr::Query(query) => walker.query(query),
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                absent(*op != SetOperator::Minus, "MINUS")?;
                let plain = matches!(
                    set_quantifier,
                    SetQuantifier::All | SetQuantifier::Distinct | SetQuantifier::None
                );
                absent(plain, "such a set operation")?;
                walker.body(left, false)?;
                walker.body(right, false)
            }
            SetExpr::Values(values) => walker.values(values),
            SetExpr::Insert(statement)
            | SetExpr::Update(statement)
            | SetExpr::Delete(statement)
                if top =>
            {
                walker.statement(statement)
            }
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                Err(not_taken("a write inside of a query"))
            }
            SetExpr::Table(_) => Err(not_taken("TABLE")),
        })
    }

    fn values(&mut self, values: &mut Values) -> Walk {
        let Values { explicit_row: _, value_keyword: _, rows } = values;
        rows.iter_mut().try_for_each(|row| self.exprs(&mut row.content))
    }

    pub(super) fn order(&mut self, order: &mut [OrderByExpr]) -> Walk {
        for OrderByExpr { expr, options, with_fill } in order {
            let OrderByOptions { sort, nulls_first } = options;
            absent(with_fill.is_none() && nulls_first.is_none(), "such an ORDER BY")?;
            let plain = matches!(sort, None | Some(OrderBySort::Asc | OrderBySort::Desc));
            absent(plain, "such an ORDER BY")?;
            self.expr(expr)?;
        }
        Ok(())
    }

    fn limit(&mut self, limit: &mut LimitClause) -> Walk {
        let number = |walker: &mut Self, expr: &mut Expr| walker.expr(expr);
        match limit {
            LimitClause::LimitOffset { limit, offset, limit_by } => {
                absent(limit_by.is_empty(), "LIMIT BY")?;
                limit.iter_mut().try_for_each(|limit| number(self, limit))?;
                offset.iter_mut().try_for_each(|offset| number(self, &mut offset.value))
            }
            LimitClause::OffsetCommaLimit { offset, limit } => {
                number(self, offset)?;
                number(self, limit)
            }
        }
    }

    pub(super) fn alias(&mut self, alias: &mut TableAlias) -> Walk {
        let TableAlias { explicit: _, name, columns, at } = alias;
        absent(at.is_none(), "such an alias")?;
        names::quote(name)?;
        for column in columns {
            absent(column.data_type.is_none(), "such an alias")?;
            names::quote(&mut column.name)?;
        }
        Ok(())
    }
}
