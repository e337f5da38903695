//! Expressions: what is not known is refused.

use super::{Walk, Walker, absent, names, not_taken, values};
use sqlparser::ast::{
    BinaryOperator as Binary, CaseWhen, CastKind, CeilFloorKind, Expr, ExtractSyntax, Interval,
    TypedString, UnaryOperator as Unary, Value,
};

impl Walker<'_> {
    pub(super) fn exprs(&mut self, exprs: &mut [Expr]) -> Walk {
        exprs.iter_mut().try_for_each(|expr| self.expr(expr))
    }

    pub(super) fn expr(&mut self, expr: &mut Expr) -> Walk {
        self.deeper(|walker| walker.expr_here(expr))
    }

    fn expr_here(&mut self, expr: &mut Expr) -> Walk {
        match expr {
            // `DEFAULT` in place of a value.
            Expr::Identifier(ident)
                if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default") =>
            {
                Ok(())
            }
            Expr::Identifier(ident) => names::quote(ident),
            Expr::CompoundIdentifier(idents) => {
                absent(idents.len() <= 3, "such a name")?;
                idents.iter_mut().try_for_each(names::quote)
            }
            Expr::IsFalse(inner)
            | Expr::IsNotFalse(inner)
            | Expr::IsTrue(inner)
            | Expr::IsNotTrue(inner)
            | Expr::IsNull(inner)
            | Expr::IsNotNull(inner)
            | Expr::IsUnknown(inner)
            | Expr::IsNotUnknown(inner)
            | Expr::Nested(inner) => self.expr(inner),
            Expr::InList { expr, list, negated: _ } => {
                self.expr(expr)?;
                self.exprs(list)
            }
            Expr::InSubquery { expr, subquery, negated: _ } => {
                self.expr(expr)?;
                self.query(subquery)
            }
            Expr::Between { expr, negated: _, low, high } => {
                self.expr(expr)?;
                self.expr(low)?;
                self.expr(high)
            }
            Expr::BinaryOp { left, op, right } => {
                binary(op)?;
                self.expr(left)?;
                self.expr(right)
            }
            Expr::Like { negated: _, any, expr, pattern, escape_char } => {
                absent(!*any, "LIKE ANY")?;
                self.expr(expr)?;
                self.expr(pattern)?;
                escape_char.iter_mut().try_for_each(|escape| self.expr(escape))
            }
            Expr::RLike { negated: _, expr, pattern, regexp: _ } => {
                self.expr(expr)?;
                self.expr(pattern)
            }
            Expr::AnyOp { left, compare_op, right, is_some: _ }
            | Expr::AllOp { left, compare_op, right } => {
                binary(compare_op)?;
                self.expr(left)?;
                self.expr(right)
            }
            Expr::UnaryOp { op, expr } => {
                unary(op)?;
                self.expr(expr)?;
                // Two signs side by side could begin a comment.
                if matches!(**expr, Expr::UnaryOp { .. }) {
                    let inner = std::mem::replace(&mut **expr, Expr::Value(Value::Null.into()));
                    **expr = Expr::Nested(Box::new(inner));
                }
                Ok(())
            }
            Expr::Tuple(items) => self.exprs(items),
            Expr::Exists { subquery, negated: _ } | Expr::Subquery(subquery) => {
                self.query(subquery)
            }
            Expr::Value(value) => values::value(&mut value.value),
            Expr::Prefixed { prefix, value } => {
                values::introducer(prefix)?;
                let literal = matches!(&**value, Expr::Value(_));
                absent(literal, "a character set before such an expression")?;
                self.expr(value)
            }
            Expr::Function(function) => self.function(function),
            Expr::Case { case_token: _, end_token: _, operand, conditions, else_result } => {
                operand.iter_mut().try_for_each(|operand| self.expr(operand))?;
                for CaseWhen { condition, result } in conditions {
                    self.expr(condition)?;
                    self.expr(result)?;
                }
                else_result.iter_mut().try_for_each(|result| self.expr(result))
            }
            Expr::MatchAgainst { columns, match_value, opt_search_modifier: _ } => {
                columns.iter_mut().try_for_each(names::quote_all)?;
                values::value(&mut match_value.value)
            }
            Expr::Collate { expr, collation } => {
                values::plain_name(collation)?;
                self.expr(expr)
            }
            other => self.typed(other),
        }
    }

    /// Functions with a syntax of their own.
    fn typed(&mut self, expr: &mut Expr) -> Walk {
        match expr {
            Expr::Convert { is_try, expr, data_type, charset, target_before_value, styles } => {
                let plain = !*is_try && !*target_before_value && styles.is_empty();
                absent(plain, "such a conversion")?;
                data_type.iter().try_for_each(values::data_type)?;
                charset.iter().try_for_each(values::plain_name)?;
                self.expr(expr)
            }
            Expr::Cast { kind, expr, data_type, format } => {
                absent(*kind == CastKind::Cast && format.is_none(), "such a cast")?;
                values::data_type(data_type)?;
                self.expr(expr)
            }
            Expr::Extract { field, syntax, expr } => {
                absent(*syntax == ExtractSyntax::From, "such an EXTRACT")?;
                values::unit(field)?;
                self.expr(expr)
            }
            Expr::Ceil { expr, field } | Expr::Floor { expr, field } => {
                use sqlparser::ast::DateTimeField::NoDateTime;
                let plain = matches!(field, CeilFloorKind::DateTimeField(NoDateTime));
                absent(plain, "such a rounding")?;
                self.expr(expr)
            }
            Expr::Position { expr, r#in } => {
                self.expr(expr)?;
                self.expr(r#in)
            }
            Expr::Substring { expr, substring_from, substring_for, special: _, shorthand: _ } => {
                self.expr(expr)?;
                let rest = substring_from.iter_mut().chain(substring_for);
                rest.into_iter().try_for_each(|part| self.expr(part))
            }
            Expr::Trim { trim_where: _, trim_what, expr, trim_characters } => {
                absent(trim_characters.is_none(), "such a TRIM")?;
                trim_what.iter_mut().try_for_each(|what| self.expr(what))?;
                self.expr(expr)
            }
            Expr::TypedString(TypedString { data_type, value, uses_odbc_syntax }) => {
                absent(!*uses_odbc_syntax, "`{d …}`")?;
                let name = data_type.to_string();
                absent(matches!(name.as_str(), "DATE" | "TIME" | "TIMESTAMP"), "such a literal")?;
                values::value(&mut value.value)
            }
            Expr::Interval(Interval {
                value,
                leading_field: Some(unit),
                leading_precision: None,
                last_field: None,
                fractional_seconds_precision: None,
            }) => {
                values::unit(unit)?;
                self.expr(value)
            }
            _ => Err(not_taken("such an expression")),
        }
    }
}

fn binary(operator: &Binary) -> Walk {
    match operator {
        Binary::Plus
        | Binary::Minus
        | Binary::Multiply
        | Binary::Divide
        | Binary::Modulo
        | Binary::MyIntegerDivide
        | Binary::StringConcat
        | Binary::Gt
        | Binary::Lt
        | Binary::GtEq
        | Binary::LtEq
        | Binary::Spaceship
        | Binary::Eq
        | Binary::NotEq
        | Binary::And
        | Binary::Or
        | Binary::Xor
        | Binary::BitwiseOr
        | Binary::BitwiseAnd
        | Binary::BitwiseXor
        | Binary::PGBitwiseShiftLeft
        | Binary::PGBitwiseShiftRight
        | Binary::Arrow
        | Binary::LongArrow => Ok(()),
        Binary::Assignment => Err(not_taken("an assignment (`:=`)")),
        _ => Err(not_taken("such an operator")),
    }
}

fn unary(operator: &Unary) -> Walk {
    match operator {
        Unary::Plus | Unary::Minus | Unary::Not | Unary::BangNot | Unary::BitwiseNot => Ok(()),
        _ => Err(not_taken("such an operator")),
    }
}
