{{- define "drl.labels" -}}
app.kubernetes.io/name: drl
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
